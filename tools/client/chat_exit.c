#include "chat_exit.h"

enum chat_exit chat_exit_of(enum tg_status status)
{
	switch (status) {
	case TG_OK:
	case TG_ERR_ABORTED:
		return CHAT_EXIT_OK;
	case TG_ERR_KICKED:
		return CHAT_EXIT_KICKED;
	case TG_ERR_REFUSED:
	case TG_ERR_POLICY:
	case TG_ERR_AUTH:
	case TG_ERR_BAD_LOGIN:
		return CHAT_EXIT_REFUSED;
	case TG_ERR_RESOLVE:
	case TG_ERR_UNREACHABLE:
	case TG_ERR_CONNECT_TIMEOUT:
		return CHAT_EXIT_UNREACHABLE;
	case TG_ERR_IO_TIMEOUT:
		return CHAT_EXIT_TIMEOUT;
	case TG_ERR_LOST:
	case TG_ERR_CLOSED:
	case TG_ERR_RESTART:
	case TG_ERR_OVERLOADED:
	case TG_ERR_SERVER:
		return CHAT_EXIT_LOST;
	case TG_ERR_HANDSHAKE:
	case TG_ERR_PROTOCOL:
	case TG_ERR_PACKET:
	case TG_ERR_BLAMED:
		return CHAT_EXIT_PROTOCOL;
	case TG_ERR_TLS:
	case TG_ERR_CERTIFICATE:
	case TG_ERR_CERTIFICATE_ISSUER:
	case TG_ERR_CERTIFICATE_SELF_SIGNED:
	case TG_ERR_CERTIFICATE_NAME:
	case TG_ERR_CERTIFICATE_EXPIRED:
	case TG_ERR_CERTIFICATE_NOT_YET_VALID:
		return CHAT_EXIT_TLS;
	default:
		return CHAT_EXIT_LOCAL;
	}
}
