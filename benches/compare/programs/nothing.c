// Ends with 0 at its first instruction (-nostartfiles): what a measured command executes costs next to nothing.
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
__attribute__((force_align_arg_pointer))
#endif
void _start(void) {
    syscall(SYS_exit_group, 0);
    __builtin_unreachable();
}
