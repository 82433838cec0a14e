/* The console's files and the API's description, as built in. */
#ifndef TIDEGATE_ADMIN_PAGE_H
#define TIDEGATE_ADMIN_PAGE_H

#include "request.h"

/* The console; a plain page that says so in a build without it. */
void admin_page_console(struct admin_request *request);

/* A file, by the request's path. */
void admin_page_file(struct admin_request *request);

#endif
