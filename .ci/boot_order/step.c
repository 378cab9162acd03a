/*
 * step OUT PROGRAM ARGUMENT…: runs it, and writes the address of each instruction that /stepdown executes, once, as an offset
 * into its file and in the order of the first time. Of /stepdown's children the first is followed until it executes another
 * program. The ending of OUT says what is written: `.child` that child alone, `.boot` both until then, any other all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPACE = 32 << 20, PIDS = 1 << 22 };
static bool seen[SPACE], stepped[PIDS];

static bool is_stepdown(pid_t pid) {
	char link[64], path[256];
	snprintf(link, sizeof link, "/proc/%d/exe", pid);
	ssize_t length = readlink(link, path, sizeof path - 1);
	path[length > 0 ? length : 0] = 0;
	return strcmp(path + (length > 9 ? length - 9 : 0), "/stepdown") == 0;
}

/* The first mapping of the file is that of its beginning. */
static unsigned long start_of(pid_t pid) {
	char path[64], line[512];
	unsigned long start = 0;
	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "r");
	while (maps && !start && fgets(line, sizeof line, maps))
		if (strstr(line, "/stepdown"))
			start = strtoul(line, NULL, 16);
	if (!start)
		perror(path), exit(1);
	fclose(maps);
	return start;
}

int main(int count, char **words) {
	if (count < 3)
		return 2;
	FILE *out = fopen(words[1], "w");
	if (!out)
		return perror(words[1]), 1;
	const char *ending = strrchr(words[1], '.');
	bool child_alone = ending && !strcmp(ending, ".child");
	bool to_the_end = !child_alone && !(ending && !strcmp(ending, ".boot"));
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(words[2], words + 2);
		_exit(127);
	}
	int status;
	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, 0,
	       PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, child, 0, 0);
	unsigned long start = 0;
	pid_t init = 0, first = 0;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == ECHILD)
			break;
		if (pid < 0 || !WIFSTOPPED(status))
			continue;
		int signal = WSTOPSIG(status), event = status >> 16, deliver = 0;
		if (signal == SIGTRAP && event == PTRACE_EVENT_EXEC) {
			stepped[pid] = !init && is_stepdown(pid);
			if (stepped[pid])
				init = pid, start = start_of(pid), stepped[pid] = !child_alone;
			else if (pid == first && !to_the_end)
				stepped[init] = false;
		} else if (signal == SIGTRAP && event != 0) {
			unsigned long made;
			ptrace(PTRACE_GETEVENTMSG, pid, 0, &made);
			if (pid == init && !first)
				first = made, stepped[made] = true;
		} else if (signal == SIGTRAP) {
			struct user_regs_struct registers;
			ptrace(PTRACE_GETREGS, pid, 0, &registers);
			unsigned long offset = registers.rip - start;
			if (stepped[pid] && offset < SPACE && !seen[offset]) {
				seen[offset] = true;
				fprintf(out, "%lx\n", offset);
			}
		} else if (signal != SIGSTOP)
			deliver = signal;
		ptrace(stepped[pid] ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, 0, deliver);
	}
	return fclose(out);
}
