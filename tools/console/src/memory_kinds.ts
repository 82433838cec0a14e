/* Made by tools/generate from server/base/stats.def. */

export const MEMORY_KINDS = ['heads', 'messages', 'queues', 'batches', 'bodies', 'addresses', 'rooms', 'events', 'pools'] as const;
