/* What the API is told and has counted: api.h. */
#ifndef TIDEGATE_API_TYPES_H
#define TIDEGATE_API_TYPES_H

#include <stdatomic.h>
#include <stdint.h>

#include "../base/mailbox.h"

struct cluster;
struct link;
struct node;

/* Kinds of mail to the registrar's thread, behind the `mail_kind` of the setup. */
enum api_mail {
	API_MAIL_ORDER,   /* back from a worker */
	API_MAIL_ASK,     /* struct api_ask, from the admin port */
	API_MAIL_REQUEST, /* struct outward_request, from a worker */
	API_MAIL_LIST,    /* struct outward_list, likewise */
};

/* Borrowed until api_destroy, but for what is copied. */
struct api_setup {
	struct node *node;
	struct cluster *cluster;
	struct link *link;
	struct mailbox *mailbox; /* the registrar's */
	uint32_t mail_kind;      /* of the first of enum api_mail */
	const char *name;        /* of this node */
};

/* What it has counted. Thread: any reads. */
struct api_stats {
	_Atomic uint64_t asked;   /* by backends */
	_Atomic uint64_t refused; /* of them, answered with a problem */
	_Atomic uint64_t partial; /* of them, answered without all nodes */
	_Atomic uint64_t calls;   /* by other nodes */
};

#endif
