// Writes the time and becomes the PID 1 under test: the last instruction before its exec.
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp) {
    struct timespec now;
    (void)argc;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (write(1, &now, sizeof now) != sizeof now) return 1;
    execve(argv[1], argv + 1, envp);
    return 127;
}
