#include "service_notify.h"

#include <stdarg.h>
#include <stdio.h>

#include "build_config.h"
#if HAVE_SYSTEMD
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

enum {
	BARRIER_US = 5000000,
};
#endif

void service_notify(const char *format, ...)
{
#if HAVE_SYSTEMD
	char state[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(state, sizeof(state), format, args);
	va_end(args);
	sd_notify(0, state);
#else
	(void)format;
#endif
}

void service_notify_barrier(void)
{
#if HAVE_SYSTEMD
	sd_notify_barrier(0, BARRIER_US);
#endif
}

pid_t service_main_pid(void)
{
	pid_t pid = 0;
#if HAVE_SYSTEMD
	uint32_t found = 0;
	sd_bus *bus = NULL;
	if (sd_bus_open_system(&bus) >= 0 &&
		sd_bus_get_property_trivial(bus, "org.freedesktop.systemd1",
			"/org/freedesktop/systemd1/unit/tidegate_2eservice",
			"org.freedesktop.systemd1.Service", "MainPID", NULL, 'u', &found) >= 0) {
		pid = (pid_t)found;
	}
	sd_bus_unref(bus);
#endif
	return pid;
}
