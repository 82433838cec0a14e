/* A malloc that fails while a case says so; its program is linked with --wrap=malloc. */
#ifndef TIDEGATE_TESTS_NO_MEMORY_H
#define TIDEGATE_TESTS_NO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

static bool has_no_memory;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return has_no_memory ? NULL : __real_malloc(size);
}

#endif
