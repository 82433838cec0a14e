/* A storm of logins: the opening of all connections is what is measured. */
#include "scenario.h"

#include "../proto/frame.h"
#include "client.h"
#include "generator.h"

static void opened(struct generator *generator, struct client *client, uint64_t now_ns)
{
	count_add(&generator->counts.answered, 1);
	generator_record(generator, client->intended_ns, now_ns, 1);
}

/* What others say meanwhile is no concern of ours, but a Close is. */
static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	if (len >= 2 && (data[0] & 0x0f) >= FRAME_CLOSE) {
		return client_take_control(generator, client, data, len);
	}
	return len;
}

const struct scenario scenario_login = {
	.name = "login",
	.help = "a storm of -c logins, all at once or over --ramp ms; then --duration S of silence",
	.unit = "logins",
	.measures_opening = true,
	.opened = opened,
	.take = take,
};
