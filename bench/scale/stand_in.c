#include "stand_in.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

struct stand_in stand_in;

/* The linker sends every call of NAME to __wrap_NAME, and __real_NAME to NAME. */
ssize_t __real_recv(int fd, void *buffer, size_t len, int flags);
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
long __real_syscall(long number, ...);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __real_close(int fd);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __real_shutdown(int fd, int how);
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *len);

ssize_t __wrap_recv(int fd, void *buffer, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
long __wrap_syscall(long number, ...);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_shutdown(int fd, int how);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *len);

ssize_t __wrap_recv(int fd, void *buffer, size_t len, int flags)
{
	if (fd < STAND_IN_FIRST) {
		return __real_recv(fd, buffer, len, flags);
	}
	stand_in.calls.recv++;
	size_t step = stand_in.arriving_len < len ? stand_in.arriving_len : len;
	if (step == 0) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(buffer, stand_in.arriving, step);
	stand_in.arriving += step;
	stand_in.arriving_len -= step;
	return (ssize_t)step;
}

static void keep(const void *data, size_t len, size_t total)
{
	memcpy(stand_in.sent, data, len < STAND_IN_KEPT ? len : STAND_IN_KEPT);
	stand_in.sent_len = total;
	stand_in.sent_bytes += total;
	stand_in.calls.send++;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (fd < STAND_IN_FIRST) {
		return __real_send(fd, data, len, flags);
	}
	keep(data, len, len);
	return (ssize_t)len;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (fd < STAND_IN_FIRST) {
		return __real_sendmsg(fd, message, flags);
	}
	size_t total = 0;
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		total += message->msg_iov[i].iov_len;
	}
	keep(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, total);
	return (ssize_t)total;
}

/* recv and send as the gateway calls them, past the C library; see transport_plain.h. */
long __wrap_syscall(long number, ...)
{
	va_list arguments;
	va_start(arguments, number);
	long fd = va_arg(arguments, long);
	void *data = va_arg(arguments, void *);
	size_t len = va_arg(arguments, size_t);
	long fourth = va_arg(arguments, long);
	long fifth = va_arg(arguments, long);
	long sixth = va_arg(arguments, long);
	va_end(arguments);
	if ((int)fd >= STAND_IN_FIRST && number == SYS_recvfrom) {
		return __wrap_recv((int)fd, data, len, (int)fourth);
	}
	if ((int)fd >= STAND_IN_FIRST && number == SYS_sendto) {
		return __wrap_send((int)fd, data, len, (int)fourth);
	}
	return __real_syscall(number, fd, data, len, fourth, fifth, sixth);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	if (fd < STAND_IN_FIRST) {
		return __real_epoll_ctl(epoll_fd, operation, fd, event);
	}
	stand_in.calls.epoll_ctl++;
	stand_in.registered = event->data.u64;
	return 0;
}

/* The gateway asks whether one peer has hung up: none has here before its Close. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (count != 1 || fds->fd < STAND_IN_FIRST) {
		return __real_poll(fds, count, timeout_ms);
	}
	stand_in.calls.other++;
	fds->revents = 0;
	return 0;
}

int __wrap_close(int fd)
{
	if (fd < STAND_IN_FIRST) {
		return __real_close(fd);
	}
	stand_in.calls.close++;
	return 0;
}

/* All requests the gateway makes (FIONREAD, SIOCOUTQ) ask for a number: nothing waits here. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fd < STAND_IN_FIRST) {
		return __real_ioctl(fd, request, argument);
	}
	stand_in.calls.other++;
	*(int *)argument = 0;
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (fd < STAND_IN_FIRST) {
		return __real_setsockopt(fd, level, name, value, len);
	}
	stand_in.calls.other++;
	return 0;
}

int __wrap_shutdown(int fd, int how)
{
	if (fd < STAND_IN_FIRST) {
		return __real_shutdown(fd, how);
	}
	stand_in.calls.other++;
	return 0;
}

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	if (fd < STAND_IN_FIRST) {
		return __real_getsockname(fd, address, len);
	}
	stand_in.calls.other++;
	memset(address, 0, *len);
	address->sa_family = AF_INET;
	return 0;
}
