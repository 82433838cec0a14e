#include "listener_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int listeners_add_row(struct listeners *listeners)
{
	size_t row = listeners_all(listeners);
	size_t cells = (row + 1) * listeners->columns;
	int *fds = realloc(listeners->fds, cells * sizeof(*fds));
	if (!fds) {
		return -ENOMEM;
	}
	listeners->fds = fds;
	struct listener_row *rows = realloc(listeners->rows, (row + 1) * sizeof(*rows));
	if (!rows) {
		return -ENOMEM;
	}
	listeners->rows = rows;
	rows[row] = (struct listener_row){
		.is_proxied = listeners->is_proxied, .is_tls = listeners->is_tls};
	memcpy(rows[row].text, listeners->text, sizeof(rows[row].text));
	for (uint32_t i = 0; i < listeners->columns; i++) {
		fds[row * listeners->columns + i] = -1;
	}
	listeners->count++;
	return 0;
}
