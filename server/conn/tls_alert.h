/* The one thing that can be said to a client of TLS whom nobody will shake hands with. */
#ifndef TIDEGATE_TLS_ALERT_H
#define TIDEGATE_TLS_ALERT_H

/* Sends the fatal alert internal_error (RFC 8446 section 6.2), in clear, which is what stands for a
 * 503. What has come is taken from the socket, as a close with bytes unread is a reset, which can
 * overtake the alert. The socket stays the caller's. Thread: any. Never waits. */
void tls_alert_refuse(int fd);

#endif
