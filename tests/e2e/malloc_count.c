/* Counts allocations of the process it is preloaded into, where a test can read them: in the file
 * named by MALLOC_COUNT, eight bytes of native order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint64_t before_start;
static _Atomic uint64_t *count = &before_start;

/* dlsym allocates before there is anything to allocate with. */
static _Alignas(16) char early[1 << 16];
static size_t early_used;

static void *early_alloc(size_t size)
{
	void *memory = early + early_used;

	early_used += (size + 15) & ~(size_t)15;
	return early_used <= sizeof(early) ? memory : NULL;
}

static int is_early(const void *memory)
{
	return (const char *)memory >= early && (const char *)memory < early + sizeof(early);
}

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void (*next_free)(void *);

static void *find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("MALLOC_COUNT");
	int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || ftruncate(fd, sizeof(*count)) != 0) {
		abort();
	}
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (count == MAP_FAILED) {
		abort();
	}
	close(fd);
	*count = before_start;
}

static void add(void)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
	static _Thread_local int inside;

	add();
	if (next_malloc == NULL) {
		if (inside) {
			return early_alloc(size);
		}
		inside = 1;
		next_malloc = find("malloc");
		inside = 0;
	}
	return next_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	static _Thread_local int inside;

	add();
	if (next_calloc == NULL) {
		if (inside) {
			return early_alloc(number * size);
		}
		inside = 1;
		next_calloc = find("calloc");
		inside = 0;
	}
	return next_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
	add();
	if (next_realloc == NULL) {
		next_realloc = find("realloc");
	}
	if (is_early(memory)) {
		void *moved = malloc(size);

		return moved != NULL ? memcpy(moved, memory, size) : NULL;
	}
	return next_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	add();
	if (next_aligned_alloc == NULL) {
		next_aligned_alloc = find("aligned_alloc");
	}
	return next_aligned_alloc(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
	add();
	if (next_posix_memalign == NULL) {
		next_posix_memalign = find("posix_memalign");
	}
	return next_posix_memalign(ret_memory, alignment, size);
}

void free(void *memory)
{
	if (is_early(memory)) {
		return;
	}
	if (next_free == NULL) {
		next_free = find("free");
	}
	next_free(memory);
}
