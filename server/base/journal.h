/* Whether what is written somewhere ends up in systemd's journal. */
#ifndef TIDEGATE_JOURNAL_H
#define TIDEGATE_JOURNAL_H

#include <stdbool.h>

/* Whether the descriptor is the one that systemd connected to its journal: $JOURNAL_STREAM names
 * its device and inode, systemd.exec(5). False once it has been redirected. Thread: any. */
bool journal_reads(int fd);

#endif
