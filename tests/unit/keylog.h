/* Secrets of a line, as OpenSSL's log of keys tells them. */
#ifndef TIDEGATE_TESTS_KEYLOG_H
#define TIDEGATE_TESTS_KEYLOG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hex.h"

#define KEYLOG_CLIENT "CLIENT_TRAFFIC_SECRET_0 "
#define KEYLOG_SERVER "SERVER_TRAFFIC_SECRET_0 "

/* Reads the secret of a line that begins with this label. Returns bytes; 0: it begins with another,
 * and nothing is read. */
static inline size_t keylog_read(const char *line, const char *label, uint8_t *ret_secret)
{
	return strncmp(line, label, strlen(label)) == 0 ? hex_read(strrchr(line, ' '), ret_secret)
							: 0;
}

#endif
