/* The bench's key is always the same, so that a server which parses nothing can answer it. */
#ifndef TIDEGATE_BENCH_OPENING_H
#define TIDEGATE_BENCH_OPENING_H

#define OPENING_KEY    "dGlkZWdhdGUtYmVuY2ghIQ=="
#define OPENING_ACCEPT "kjKL5L0oZ4RpirVyG927b80flTM="

#endif
