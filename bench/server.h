/* What a server's process has used, as /proc tells. */
#ifndef TIDEGATE_BENCH_SERVER_H
#define TIDEGATE_BENCH_SERVER_H

#include <stdint.h>
#include <sys/types.h>

/* User and system time of all its threads that still run, ns; by the scheduler's clock where the
 * kernel keeps it, else in clock ticks of 10 ms. 0 when it cannot be read. */
uint64_t server_cpu_ns(pid_t pid);

/* Resident bytes, exact; 0 when it cannot be read. */
uint64_t server_rss(pid_t pid);

#endif
