/* What comes to the registrar by mail. */
#ifndef TIDEGATE_REGISTRAR_MAIL_H
#define TIDEGATE_REGISTRAR_MAIL_H

/* By its mailbox, which is node->registrar. */
enum registrar_mail {
	REGISTRAR_MAIL_PRESENCE, /* struct presence, from a worker */
	REGISTRAR_MAIL_ROOM,     /* struct presence_of_room, likewise */
	REGISTRAR_MAIL_BATCH,    /* from a worker's fan-out: for elsewhere */
	REGISTRAR_MAIL_SAY,      /* struct elsewhere_say, from a worker */
	REGISTRAR_MAIL_KICK,     /* struct order, back from a worker */
	REGISTRAR_MAIL_EVENTS,   /* struct events_ask, from the admin port */
	REGISTRAR_MAIL_RELOAD,   /* from main */
	REGISTRAR_MAIL_PARK,     /* of a struct park_seat, from main */
	REGISTRAR_MAIL_LINK,     /* struct link_message, from the link */
	REGISTRAR_MAIL_API,      /* the last: this and those behind it are api's */
};

#endif
