/* Files built into the gateway: the console and the API's description. The table is made by
 * embed.py. */
#ifndef TIDEGATE_ADMIN_ASSETS_H
#define TIDEGATE_ADMIN_ASSETS_H

#include <stddef.h>

struct admin_asset {
	const char *path; /* of the request */
	const char *type; /* of its content */
	const char *etag; /* quoted; changes with the content */
	const unsigned char *data;
	size_t len;
};

extern const struct admin_asset admin_assets[];
extern const size_t admin_asset_count;

/* NULL when there is none. Thread: any. */
const struct admin_asset *admin_asset_find(const char *path);

#endif
