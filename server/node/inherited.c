#include "inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the list ----------------------------------------------------------------------------------
 */

int inherited_add(struct inherited *inherited, const struct inherited_socket *socket)
{
	struct inherited_socket *sockets =
		realloc(inherited->sockets, (inherited->count + 1) * sizeof(*sockets));
	if (!sockets) {
		return -ENOMEM;
	}
	inherited->sockets = sockets;
	sockets[inherited->count++] = *socket;
	return 0;
}

void inherited_free(struct inherited *inherited)
{
	free(inherited->sockets);
	*inherited = INHERITED_EMPTY;
}

void inherited_close(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->count; i++) {
		if (inherited->sockets[i].fd >= 0) {
			close(inherited->sockets[i].fd);
		}
	}
	inherited_free(inherited);
}

/* --- finding one -------------------------------------------------------------------------------
 */

size_t inherited_find_text(const struct inherited *inherited, size_t from, const char *text)
{
	size_t i = from;
	while (i < inherited->count &&
		(inherited->sockets[i].fd < 0 || strcmp(inherited->sockets[i].text, text) != 0)) {
		i++;
	}
	return i;
}

/* Of whatever family, with what the kernel leaves unwritten as zeros. */
static struct sockaddr_storage bound(int fd)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	getsockname(fd, (struct sockaddr *)&address, &len);
	return address;
}

bool inherited_are_alike(int fd, int other)
{
	const struct sockaddr_storage a = bound(fd);
	const struct sockaddr_storage b = bound(other);
	return fd >= 0 && other >= 0 && memcmp(&a, &b, sizeof(a)) == 0;
}

size_t inherited_find_like(const struct inherited *inherited, size_t from, int like)
{
	size_t i = from;
	while (i < inherited->count && !inherited_are_alike(inherited->sockets[i].fd, like)) {
		i++;
	}
	return i;
}

/* --- as bytes ----------------------------------------------------------------------------------
 */

void inherited_pack(
	const struct inherited *inherited, size_t first, size_t count, struct pack *pack)
{
	pack_u32(pack, (uint32_t)count);
	for (size_t i = first; i < first + count; i++) {
		const struct inherited_socket *socket = &inherited->sockets[i];
		pack_u8(pack, socket->is_all);
		pack_u8(pack, socket->is_proxied);
		pack_u8(pack, socket->is_tls);
		pack_u8(pack, socket->is_passed);
		pack_slice(pack, slice_of(socket->text));
		pack_slice(pack, slice_of(socket->path.text));
		pack_u64(pack, socket->path.device);
		pack_u64(pack, socket->path.inode);
	}
}

/* A text of fewer than `size` bytes. */
static void unpack_text(struct unpack *unpack, char *ret_text, size_t size)
{
	const struct slice text = unpack_slice(unpack);
	ret_text[0] = '\0';
	if (text.len >= size || (text.len > 0 && memchr(text.data, '\0', text.len))) {
		unpack_fail(unpack);
	} else if (text.len > 0) {
		memcpy(ret_text, text.data, text.len);
		ret_text[text.len] = '\0';
	}
}

static void unpack_socket(struct unpack *unpack, struct inherited_socket *ret_socket)
{
	*ret_socket = (struct inherited_socket){.fd = -1};
	ret_socket->is_all = unpack_bool(unpack);
	ret_socket->is_proxied = unpack_bool(unpack);
	ret_socket->is_tls = unpack_bool(unpack);
	ret_socket->is_passed = unpack_bool(unpack);
	unpack_text(unpack, ret_socket->text, sizeof(ret_socket->text));
	unpack_text(unpack, ret_socket->path.text, sizeof(ret_socket->path.text));
	ret_socket->path.device = unpack_u64(unpack);
	ret_socket->path.inode = unpack_u64(unpack);
}

int inherited_unpack(
	struct inherited *inherited, struct unpack *unpack, const int *fds, size_t fd_count)
{
	size_t taken = 0;
	int err = unpack_u32(unpack) == fd_count ? 0 : -EINVAL;
	while (taken < fd_count && !err) {
		struct inherited_socket socket;
		unpack_socket(unpack, &socket);
		socket.fd = fds[taken];
		err = unpack->failed ? -EINVAL : inherited_add(inherited, &socket);
		taken += !err;
	}
	for (size_t i = taken; i < fd_count; i++) {
		close(fds[i]);
	}
	return err;
}
