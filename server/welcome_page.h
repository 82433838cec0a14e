/* The page that says how to connect, for browsers that open the clients' port. Built in from
 * welcome.html. */
#ifndef TIDEGATE_WELCOME_PAGE_H
#define TIDEGATE_WELCOME_PAGE_H

#include <stddef.h>

#include "conn/welcome.h"

/* Made by embed.py. */
extern const char welcome_page_policy[]; /* Content-Security-Policy */
extern const unsigned char welcome_page_body[];
extern const size_t welcome_page_body_len;

/* Makes the answer, with a link to the console at `console_url`: empty for none, else a URL of
 * numbers and names, with nothing in it that HTML would have to escape.
 * Thread: main. Errors: -ENOMEM. */
int welcome_page_make(struct welcome *welcome, const char *console_url);

/* Frees the answer. Fine for one that was not made. */
void welcome_page_finish(struct welcome *welcome);

#endif
