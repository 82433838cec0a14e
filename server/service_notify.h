/* Telling systemd, where it asks, how the service is: sd_notify(3). */
#ifndef TIDEGATE_SERVICE_NOTIFY_H
#define TIDEGATE_SERVICE_NOTIFY_H

#include <sys/types.h>

/* Lines of NAME=VALUE, up to 1,023 bytes. Without systemd it does nothing. Thread: any. */
__attribute__((format(printf, 1, 2))) void service_notify(const char *format, ...);

/* The process that systemd takes for the service, of the unit's usual name; 0: it is not known.
 * Waits for systemd. Thread: main. */
pid_t service_main_pid(void);

/* Waits until systemd has read what it was told, for a few seconds at most. Thread: any. */
void service_notify_barrier(void);

#endif
