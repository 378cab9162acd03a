// Writes lines. `flood BYTES LENGTH`: so many bytes of lines that are so long, then it ends; 0 bytes: without end.
// `flood pulse`: every ten milliseconds one line with the time, without end.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char block[65536];

static void put(const char *bytes, size_t length) {
    while (length) {
        ssize_t written = write(1, bytes, length);
        if (written <= 0) _exit(1);
        bytes += written;
        length -= (size_t)written;
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "pulse")) {
        for (;;) {
            struct timespec now;
            char line[64];
            poll(NULL, 0, 10);
            clock_gettime(CLOCK_MONOTONIC, &now);
            put(line, (size_t)snprintf(line, sizeof line, "PULSE %lld.\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec));
        }
    }
    if (argc != 3) return 2;
    long long left = atoll(argv[1]), endless = left == 0;
    size_t length = (size_t)atol(argv[2]), lines = sizeof block / length, whole = lines * length;
    for (size_t i = 0; i < whole; i++) block[i] = i % length == length - 1 ? '\n' : 'x';
    for (; endless || left >= (long long)whole; left -= (long long)whole) put(block, whole);
    put(block, (size_t)left / length * length);
    return 0;
}
