/* What other threads may see of the cluster: a copy, behind a lock that is held as long as it takes
 * to copy it. */
#ifndef TIDEGATE_VIEW_H
#define TIDEGATE_VIEW_H

#include <pthread.h>
#include <stdint.h>

#include "cluster_types.h"

enum {
	VIEW_NODE_MS = 1, /* between two copies of the nodes, for each of them */
};

/* Owner:  the cluster.
 * Shared: any thread reads, by view_look. */
struct view {
	pthread_mutex_t lock;
	uint64_t put_ms;
	struct cluster_figures figures;
	uint32_t count;
	struct cluster_node nodes[CLUSTER_NODES_MAX + 1];
};

void view_init(struct view *view);
void view_finish(struct view *view);

/* Where a new copy is made; others wait until view_put_end. */
void view_put_begin(struct view *view);
void view_put_end(struct view *view);

/* Thread: any. */
uint32_t view_look(struct view *view, struct cluster_figures *ret_figures,
	struct cluster_node *ret_nodes, uint32_t most);

#endif
