#include "room_packets.h"

#include <errno.h>

uint8_t *join_packet_write(uint8_t *to, const struct join_packet *join)
{
	to = fields_put_u32(to, join->id);
	to = fields_put_u8(to, join->flags);
	return fields_put_str(to, join->room);
}

int join_packet_decode(const uint8_t *payload, size_t len, struct join_packet *ret_join)
{
	struct fields fields = fields_of(payload, len);
	struct join_packet join;
	join.id = fields_u32(&fields);
	join.flags = fields_u8(&fields);
	join.room = fields_str(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_join = join;
	return 0;
}

uint8_t *leave_packet_write(uint8_t *to, const struct leave_packet *leave)
{
	to = fields_put_u32(to, leave->id);
	return fields_put_str(to, leave->room);
}

int leave_packet_decode(const uint8_t *payload, size_t len, struct leave_packet *ret_leave)
{
	struct fields fields = fields_of(payload, len);
	struct leave_packet leave;
	leave.id = fields_u32(&fields);
	leave.room = fields_str(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_leave = leave;
	return 0;
}

uint8_t *members_packet_write(uint8_t *to, const struct members_packet *members)
{
	to = fields_put_str(to, members->room);
	to = fields_put_u32(to, members->count);
	to = fields_put_u8(to, members->change);
	return fields_put_str(to, members->user);
}

int members_packet_decode(const uint8_t *payload, size_t len, struct members_packet *ret_members)
{
	struct fields fields = fields_of(payload, len);
	struct members_packet members;
	members.room = fields_str(&fields);
	members.count = fields_u32(&fields);
	members.change = fields_u8(&fields);
	members.user = fields_str(&fields);
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_members = members;
	return 0;
}

uint8_t *list_packet_write(uint8_t *to, const struct list_packet *list)
{
	to = fields_put_u32(to, list->id);
	to = fields_put_str(to, list->room);
	return fields_put_str(to, list->after);
}

int list_packet_decode(const uint8_t *payload, size_t len, struct list_packet *ret_list)
{
	struct fields fields = fields_of(payload, len);
	struct list_packet list;
	list.id = fields_u32(&fields);
	list.room = fields_str(&fields);
	list.after = fields_str(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_list = list;
	return 0;
}

uint8_t *page_packet_write_head(uint8_t *to, const struct page_packet *page)
{
	to = fields_put_u32(to, page->id);
	to = fields_put_u8(to, page->result);
	to = fields_put_u8(to, page->is_last);
	return fields_put_u16(to, page->count);
}

int page_packet_decode(const uint8_t *payload, size_t len, struct page_packet *ret_page,
	struct slice ret_users[PAGE_USERS_MAX])
{
	struct fields fields = fields_of(payload, len);
	struct page_packet page;
	page.id = fields_u32(&fields);
	page.result = fields_u8(&fields);
	page.is_last = fields_u8(&fields) != 0;
	page.count = fields_u16(&fields);
	if (page.count > PAGE_USERS_MAX) {
		return -EBADMSG;
	}
	for (uint16_t i = 0; i < page.count; i++) {
		ret_users[i] = fields_str(&fields);
	}
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_page = page;
	return 0;
}
