#include "client.h"
#include "orders.h"

enum tg_status tg_client_say(struct tg_client *client, const char *audience, const char *text,
	size_t len, uint32_t *ret_id)
{
	client_begin_call(client);
	return client_finish_send(client, orders_say(&client->login, audience, text, len, ret_id));
}

enum tg_status tg_client_join(
	struct tg_client *client, const char *room, bool is_told, uint32_t *ret_id)
{
	client_begin_call(client);
	return client_finish_send(client, orders_join(&client->login, room, is_told, ret_id));
}

enum tg_status tg_client_leave(struct tg_client *client, const char *room, uint32_t *ret_id)
{
	client_begin_call(client);
	return client_finish_send(client, orders_leave(&client->login, room, ret_id));
}

enum tg_status tg_client_list(
	struct tg_client *client, const char *room, const char *after, uint32_t *ret_id)
{
	client_begin_call(client);
	return client_finish_send(
		client, orders_list(&client->login, room, after ? after : "", ret_id));
}

enum tg_status tg_client_request(
	struct tg_client *client, const void *data, size_t len, uint32_t *ret_id)
{
	client_begin_call(client);
	return client_finish_send(client, orders_request(&client->login, data, len, ret_id));
}

enum tg_protocol tg_client_protocol(const struct tg_client *client)
{
	return login_speaks_v1(&client->login) ? TG_PROTOCOL_V1 : TG_PROTOCOL_CLASSIC;
}
