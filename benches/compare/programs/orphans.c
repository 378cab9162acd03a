// Leaves processes to PID 1. `orphans at-once N`: all end at the same moment. `orphans stream N`: each ends at once, one after
// the other. Writes the time when it begins, and when the last one has ended; then it stays.
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void stamp(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (write(1, &now, sizeof now) != sizeof now) _exit(1);
}

int main(int argc, char **argv) {
    int hold[2], alive[2];
    char byte;
    long count = argc > 2 ? atol(argv[2]) : 0;
    if (pipe(hold) || pipe(alive)) return 1;
    if (argc > 1 && !strcmp(argv[1], "at-once")) {
        pid_t parent = fork();
        if (parent < 0) return 1;
        if (parent == 0) {
            close(hold[1]);
            for (long i = 0; i < count; i++) {
                pid_t orphan = fork();
                if (orphan < 0) _exit(1);
                if (orphan == 0) _exit(read(hold[0], &byte, 1) != 0);
            }
            _exit(0);
        }
        int status;
        if (waitpid(parent, &status, 0) != parent || status) return 1;
        stamp();
        // Whoever measures reads the clock of PID 1 in between.
        poll(NULL, 0, 100);
        close(hold[1]);
    } else {
        stamp();
        poll(NULL, 0, 100);
        for (long i = 0; i < count; i++) {
            pid_t parent = fork();
            if (parent < 0) return 1;
            if (parent == 0) _exit(fork() < 0);
            int status;
            if (waitpid(parent, &status, 0) != parent || status) return 1;
        }
    }
    close(alive[1]);
    if (read(alive[0], &byte, 1) != 0) return 1;
    stamp();
    for (;;) pause();
}
