#include "tls_alert.h"

#include <stdint.h>
#include <sys/socket.h>

enum {
	SCRAP_MAX = 16384, /* bytes of a hello that is not read */
};

void tls_alert_refuse(int fd)
{
	/* An alert of 2 bytes, fatal: internal_error. */
	static const uint8_t alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50};
	char scrap[SCRAP_MAX];
	recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);
	send(fd, alert, sizeof(alert), MSG_DONTWAIT | MSG_NOSIGNAL);
}
