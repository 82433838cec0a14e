#include "shed.h"

#include "opening.h"
#include "tls_worker.h"

static void send_away(struct conns *conns, struct conn *conn)
{
	conn_visit_begin(conns, conn);
	if (conn->state != CONN_LIVE) {
		opening_refuse(conns, conn, 503, CLOSE_REASON_OVERLOADED);
	} else {
		conn_overload(conns, conn, CLOSE_REASON_OVERLOADED);
		if (conn->rx) {
			/* Without its reader what still comes cannot be understood. */
			conn->flags |= CONN_DISCARD;
			conn_drop_reader(conns, conn);
		}
	}
	conn_visit_end(conns, conn);
}

/* Returns which worker has to go on. */
static uint32_t shed(struct conns *conns, uint32_t most)
{
	struct holders *holders = &conns->holders;
	while (budget_is_exceeded(holders->budget)) {
		uint32_t worker = budget_worker_of_largest(holders->budget);
		/* Again, after what others have published: one of them may have gone meanwhile. */
		if (worker == BUDGET_NOBODY || !budget_is_exceeded(holders->budget)) {
			break;
		}
		if (worker != holders->worker || most == 0) {
			return worker;
		}
		most--;
		send_away(conns, conn_table_at(conns->table, holders_largest(holders)));
		holders_publish(holders);
	}
	return BUDGET_NOBODY;
}

static void charge_keys(struct tls_keys *keys, struct budget *budget, bool is_tight)
{
	if (is_tight) {
		tls_keys_empty(keys);
	}
	tls_keys_charge(keys, budget);
}

uint32_t shed_largest(struct conns *conns, bool is_tight, uint32_t most)
{
	struct holders *holders = &conns->holders;
	if (is_tight) {
		reader_pool_empty(&conns->reading.pool);
	}
	reader_pool_charge(&conns->reading.pool, holders->budget);
	if (conns->tls) {
		charge_keys(&conns->tls->keys, holders->budget, is_tight);
	}
	holders_publish(holders);
	return is_tight ? shed(conns, most) : BUDGET_NOBODY;
}
