// The least that a PID 1 can be: starts one program, reaps, ends with its code. No signal is handled.
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp) {
    int status;
    (void)argc;
    pid_t child = fork();
    if (child == 0) {
        execve(argv[1], argv + 1, envp);
        _exit(127);
    }
    for (;;) {
        pid_t ended = wait(&status);
        if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0) return 111;
    }
}
