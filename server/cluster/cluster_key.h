/* The secret that the nodes of a cluster share: 32 bytes, in a file. What it is used for gets keys
 * of its own, so that none says anything about another. README.md, "The key". */
#ifndef TIDEGATE_CLUSTER_KEY_H
#define TIDEGATE_CLUSTER_KEY_H

#include <stdint.h>

enum {
	CLUSTER_KEY_LEN = 32,       /* bytes: the secret's, and the MAC key's */
	CLUSTER_KEY_HASH_LEN = 16,  /* bytes: of a SipHash */
	CLUSTER_KEY_FILE_MAX = 256, /* bytes of the file */
	CLUSTER_KEY_FAULT_MAX = 256,
	CLUSTER_KEY_DIGEST_LEN = 16, /* bytes */
};

/* What is derived from the secret: the same at all nodes.
 * Owner:  the gateway, from its start to its end; wiped when it is finished.
 * Shared: with all threads, which only read it. */
struct cluster_key {
	uint8_t mac[CLUSTER_KEY_LEN];         /* of messages, codec.h */
	uint8_t names[CLUSTER_KEY_HASH_LEN];  /* hashes users, devices and rooms */
	uint8_t digest[CLUSTER_KEY_HASH_LEN]; /* hashes entries of the directory */
};

/* Reads a file of 64 hexadecimal digits, or of 32 bytes in base64 (either alphabet, with or without
 * its `=`); blanks and line ends around them do not count. What stands in it is never shown.
 * Thread: any. Errors: -errno, and `ret_fault` says what is wrong and what to do, without the path;
 * -EACCES also for a file that anybody may read. */
int cluster_key_load(
	const char *path, struct cluster_key *ret_key, char ret_fault[CLUSTER_KEY_FAULT_MAX]);

/* Derives the keys of a secret. Thread: any. */
void cluster_key_derive(const uint8_t secret[CLUSTER_KEY_LEN], struct cluster_key *ret_key);

/* What two that are the same have in common, which says nothing of them. Thread: any. */
void cluster_key_digest(const struct cluster_key *key, uint8_t ret_digest[CLUSTER_KEY_DIGEST_LEN]);

/* Wipes it. Thread: any. */
void cluster_key_finish(struct cluster_key *key);

#endif
