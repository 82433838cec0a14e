/* A client's end of a TLS line, for a command that asks the gateway of its own machine something:
 * it waits for every byte. */
#ifndef TIDEGATE_TLS_ASKER_H
#define TIDEGATE_TLS_ASKER_H

#include <stddef.h>
#include <sys/types.h>

/* Owner: the command. */
struct tls_asker;

/* Shakes hands over a connected socket, which blocks and is lent, with who shows one of the
 * certificates in these files, under whatever name and date: it is the machine's own gateway, and
 * the files are its own. Thread: main. Errors: -ENOMEM, -EACCES: nobody showed one of them;
 * -EPROTO.
 */
int tls_asker_create(
	int fd, const char *const *certificates, size_t count, struct tls_asker **ret_asker);

/* Fine with NULL; nulls the giver's pointer. */
void tls_asker_destroy(struct tls_asker **asker);

/* Writes all of it. Errors: -EPROTO. */
int tls_asker_write(struct tls_asker *asker, const void *data, size_t len);

/* Returns how many bytes were read, 0 at the end. Errors: -EPROTO. */
ssize_t tls_asker_read(struct tls_asker *asker, void *data, size_t len);

#endif
