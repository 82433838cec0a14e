/* Keys in the text of a file: JSON or PEM. */
#ifndef TIDEGATE_KEY_FILE_H
#define TIDEGATE_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "../../base/secret_file.h"
#include "jwk.h"

/* Whether it is in PEM: RFC 7468. */
bool key_text_is_pem(const struct secret_text *text);

/* Parses JSON, an object. NULL: `ret_fault` says where it is broken; what stands there is not
 * shown, it may be a secret. Thread: any. */
json_t *key_text_parse(const struct secret_text *text, char ret_fault[KEY_FAULT_MAX]);

/* Reads the next key in PEM and moves *at behind it: a public one, or a private one where it is
 * wanted to sign. Thread: any. Errors: -ENOENT behind the last; -EPERM and -EINVAL with what is
 * wrong; -ENOMEM. */
int key_text_next_pem(const struct secret_text *text, enum jwk_use use, size_t *at,
	struct key **ret_key, char ret_fault[KEY_FAULT_MAX]);

#endif
