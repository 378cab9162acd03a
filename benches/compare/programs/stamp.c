// Writes the time and becomes the PID 1 under test: the last instruction before its exec. With STAMP_USER it is that user
// before.
#define _GNU_SOURCE
#include <grp.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp) {
    struct timespec now;
    const char *user = getenv("STAMP_USER");
    (void)argc;
    if (user) {
        unsigned id = (unsigned)atoi(user);
        if (setgroups(0, NULL) || setgid(id) || setuid(id)) return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (write(1, &now, sizeof now) != sizeof now) return 1;
    execve(argv[1], argv + 1, envp);
    return 127;
}
