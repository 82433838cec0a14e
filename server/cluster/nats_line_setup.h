/* What a line to a NATS server is opened with. */
#ifndef TIDEGATE_NATS_LINE_SETUP_H
#define TIDEGATE_NATS_LINE_SETUP_H

enum {
	NATS_LINE_CONNECT_MS = 2000, /* for TCP, INFO and the first PONG */
	/* Dead at the third without an answer, which is to be within 3 s. */
	NATS_LINE_PING_MS = 900,
	NATS_LINE_PINGS_MAX = 2,
	NATS_LINE_WRITE_MS = 1000,
};

/* How a server is reached. */
struct nats_line_setup {
	const char *url;   /* one, nats:// or tls:// */
	const char *id;    /* shown by the server */
	const char *creds; /* a file, as creds.h says; empty: none */
	const char *ca;    /* empty: the system's */
};

#endif
