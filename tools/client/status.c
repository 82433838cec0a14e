#include "tidegate-client.h"

const char *tg_status_text(enum tg_status status)
{
	switch (status) {
	case TG_OK:
		return "ok";
	case TG_ERR_ARGUMENT:
		return "an argument or option is not acceptable";
	case TG_ERR_STATE:
		return "not possible inside a callback";
	case TG_ERR_NOT_CONNECTED:
		return "not connected";
	case TG_ERR_WOULD_BLOCK:
		return "the send queue is full";
	case TG_ERR_TOO_BIG:
		return "the message is over 64 KiB";
	case TG_ERR_UTF8:
		return "the text is not UTF-8";
	case TG_ERR_NO_MEMORY:
		return "out of memory";
	case TG_ERR_SYSTEM:
		return "a system call failed";
	case TG_ERR_INTERRUPTED:
		return "interrupted by a signal";
	case TG_ERR_DESTROYED:
		return "the client was destroyed in a callback";
	case TG_ERR_NOT_SPOKEN:
		return "the gateway does not speak tidegate.v1";
	case TG_ERR_ABORTED:
		return "logged out before the login was done";
	case TG_ERR_RESOLVE:
		return "the host's name could not be resolved";
	case TG_ERR_UNREACHABLE:
		return "the gateway is unreachable";
	case TG_ERR_CONNECT_TIMEOUT:
		return "the gateway did not answer in time";
	case TG_ERR_HANDSHAKE:
		return "the answer is not that of a WebSocket server";
	case TG_ERR_REFUSED:
		return "the gateway refused the connection";
	case TG_ERR_NO_TOKEN:
		return "no token was to be had";
	case TG_ERR_TLS:
		return "no TLS could be agreed on";
	case TG_ERR_LOST:
		return "the connection was lost";
	case TG_ERR_IO_TIMEOUT:
		return "i/o timeout";
	case TG_ERR_PROTOCOL:
		return "the gateway broke the protocol";
	case TG_ERR_PACKET:
		return "the gateway sent a bad packet";
	case TG_ERR_BLAMED:
		return "the gateway says that the client broke the protocol";
	case TG_ERR_CLOSED:
		return "closed by the gateway";
	case TG_ERR_POLICY:
		return "refused by a rule of the gateway";
	case TG_ERR_AUTH:
		return "not authenticated, or the token expired";
	case TG_ERR_BAD_LOGIN:
		return "bad login: the user is missing or not acceptable";
	case TG_ERR_KICKED:
		return "kicked: the same user logged in elsewhere";
	case TG_ERR_RESTART:
		return "the gateway restarts";
	case TG_ERR_OVERLOADED:
		return "the gateway is overloaded, or this client reads too slowly";
	case TG_ERR_SERVER:
		return "the gateway ended the session";
	case TG_ERR_NOBODY_THERE:
		return "nobody is there";
	case TG_ERR_NOT_ALLOWED:
		return "not allowed";
	case TG_ERR_BUSY:
		return "the gateway is busy";
	case TG_ERR_NOT_A_MEMBER:
		return "not in that room";
	case TG_ERR_BAD_NAME:
		return "nobody can be called that";
	case TG_ERR_TOO_MANY_ROOMS:
		return "in too many rooms";
	case TG_ERR_NODE:
		return "that node of the gateway, or the backend, cannot be asked now";
	case TG_ERR_UNKNOWN:
		return "no answer: it may have arrived";
	case TG_ERR_CERTIFICATE:
		return "the gateway's certificate is not acceptable";
	case TG_ERR_CERTIFICATE_ISSUER:
		return "the gateway's certificate is signed by nobody who is trusted";
	case TG_ERR_CERTIFICATE_SELF_SIGNED:
		return "the gateway's certificate is signed by itself alone";
	case TG_ERR_CERTIFICATE_NAME:
		return "the gateway's certificate is for others";
	case TG_ERR_CERTIFICATE_EXPIRED:
		return "the gateway's certificate has expired";
	case TG_ERR_CERTIFICATE_NOT_YET_VALID:
		return "the gateway's certificate is not valid yet";
	}
	return "unknown status";
}

const char *tg_state_name(enum tg_state state)
{
	switch (state) {
	case TG_STATE_INIT:
		return "INIT";
	case TG_STATE_CONNECTING:
		return "CONNECTING";
	case TG_STATE_CONNECTED:
		return "CONNECTED";
	case TG_STATE_RECONNECTING:
		return "RECONNECTING";
	case TG_STATE_CLOSING:
		return "CLOSING";
	case TG_STATE_CLOSED:
		return "CLOSED";
	}
	return "unknown";
}
