/* Runs a generator: opens its connections when they are due, gives the scenario its turns, and each
 * client what epoll says. */
#ifndef TIDEGATE_BENCH_THREAD_H
#define TIDEGATE_BENCH_THREAD_H

#include "generator.h"

/* Thread: main. Errors: -errno; thread_finish is due all the same. */
int thread_init(struct generator *generator, struct run *run, uint32_t id);

/* Thread: main. Errors: -errno. */
int thread_start(struct generator *generator);

/* Thread: main, when it has been joined. */
void thread_finish(struct generator *generator);

/* CPU time of the thread so far, ns; 0 when it has ended. Thread: main. */
uint64_t thread_cpu_ns(const struct generator *generator);

#endif
