/* What a reader of messages has of one that is not whole, for a line that goes on in another
 * process: in bytes which a fresh reader, fed with them, makes the same state of.
 *
 *   stream    │ fragments, maybe with a control frame between │ frame under way │
 *                                                                     ^ so far
 *   saved     │ one unfinished frame of all that │ header, payload so far │   or half a header
 *
 * Whatever the decoders keep (how far UTF-8 has come, sizes, the order of fragments) is found again
 * by decoding. Thread: whoever has the reader. */
#ifndef TIDEGATE_MESSAGE_SAVE_H
#define TIDEGATE_MESSAGE_SAVE_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

/* Bytes that message_reader_save writes; 0 where the reader is idle. All fed bytes are consumed,
 * and the reader is not broken. */
size_t message_reader_saved_len(const struct message_reader *reader);

/* Writes them: masked where the peer masks. */
void message_reader_save(const struct message_reader *reader, uint8_t *ret_bytes);

/* Brings a reader that is idle to where another was saved. No limit holds for what was there
 * before: a message that goes on is held against `max_message` as ever. Errors: -EINVAL: nothing
 * that was saved looks so; -ENOMEM. The reader is of no further use then. */
int message_reader_restore(struct message_reader *reader, const uint8_t *bytes, size_t len);

#endif
