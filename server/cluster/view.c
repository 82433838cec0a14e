#include "view.h"

#include <string.h>

void view_init(struct view *view)
{
	memset(view, 0, sizeof(*view));
	pthread_mutex_init(&view->lock, NULL);
}

void view_finish(struct view *view)
{
	pthread_mutex_destroy(&view->lock);
}

void view_put_begin(struct view *view)
{
	pthread_mutex_lock(&view->lock);
}

void view_put_end(struct view *view)
{
	pthread_mutex_unlock(&view->lock);
}

uint32_t view_look(struct view *view, struct cluster_figures *ret_figures,
	struct cluster_node *ret_nodes, uint32_t most)
{
	pthread_mutex_lock(&view->lock);
	const uint32_t count = view->count < most ? view->count : most;
	*ret_figures = view->figures;
	if (count > 0) {
		memcpy(ret_nodes, view->nodes, count * sizeof(*ret_nodes));
	}
	pthread_mutex_unlock(&view->lock);
	return count;
}
