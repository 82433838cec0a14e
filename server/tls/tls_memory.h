/* OpenSSL's memory, where private keys and the secrets of handshakes lie: out of core dumps
 * (tls_arena.h), and wiped where OpenSSL does not wipe it itself. */
#ifndef TIDEGATE_TLS_MEMORY_H
#define TIDEGATE_TLS_MEMORY_H

#include <stdbool.h>

/* Has OpenSSL, and so whoever calls OPENSSL_malloc, take from the arena from now on. Before
 * anything else is asked of OpenSSL, which does not tidy up at the process's exit then. Thread:
 * main, while it is the only one. Errors: -ENOMEM; -EALREADY when OpenSSL has memory, which stays
 * what it is then. */
int tls_memory_set_up(void);

/* Whether it is set up, and left out of core dumps. Thread: any. */
bool tls_memory_is_undumped(void);

/* Wipes, from the one to the other, whatever the calling thread frees of OpenSSL's memory. It costs
 * time: for what has secrets in it, and OpenSSL frees as it is. They do not nest. Thread: any. */
void tls_memory_wipe_begin(void);
void tls_memory_wipe_end(void);

#endif
