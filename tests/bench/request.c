#include "request.h"

#include <stdio.h>
#include <time.h>

#include "token.h"

enum { TOKEN_TTL_MS = 3600 * 1000 };

static void write_digits(char *out, unsigned number)
{
	for (int i = REQUEST_DIGITS; i-- > 0; number /= 10)
		out[i] = (char)('0' + number % 10);
}

static bool add_token(struct buffer *out, const struct templates *templates, unsigned number)
{
	char uid[] = "user000000";

	if (!templates->ring)
		return false;
	write_digits(uid + 4, number);
	token_sign(out, templates->ring, slice_of(uid), NULL, 0, (int64_t)time(NULL) * 1000, TOKEN_TTL_MS);
	return true;
}

static bool add_content(struct request *request, size_t size)
{
	struct buffer *out = &request->text;

	if (!buffer_reserve(out, size) || request->mark_at)
		return false;
	memset(out->at + out->len, MARK_PAD, size - MARK_SIZE);
	out->len += size;
	request->mark_at = out->len - MARK_SIZE;
	mark_write(out->at + request->mark_at, (struct mark){0, 0});
	return true;
}

static bool add_number(struct request *request, unsigned number)
{
	char digits[REQUEST_DIGITS];

	if (request->numbers == REQUEST_NUMBERS)
		return false;
	request->number_at[request->numbers++] = request->text.len;
	write_digits(digits, number);
	buffer_add(&request->text, digits, sizeof(digits));
	return true;
}

/* Places are remembered as offsets into request->text. */
static bool expand(struct request *request, const struct templates *templates, const char *text, unsigned number)
{
	for (bool good = true; *text; text++) {
		if (*text != '%') {
			buffer_add(&request->text, text, 1);
			continue;
		}
		switch (*++text) {
		case 'n':
			good = add_number(request, number);
			break;
		case 't':
			good = add_token(&request->text, templates, number);
			break;
		case 'm':
			good = add_content(request, templates->content);
			break;
		case '%':
			buffer_add(&request->text, text, 1);
			break;
		default:
			good = false;
		}
		if (!good)
			return false;
	}
	return !request->text.failed;
}

bool request_stream(struct buffer *out, const struct templates *templates, unsigned number)
{
	struct request request = {.text = *out};
	bool good;

	buffer_add_text(&request.text, "GET ");
	good = expand(&request, templates, templates->stream, number);
	buffer_add_text(&request.text, " HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream, */*\r\n");
	*out = request.text;
	return good && !out->failed && !request.mark_at;
}

bool request_publish(struct request *request, const struct templates *templates, bool everyone)
{
	struct request body = {{0}, 0, {0}, 0};
	struct buffer *out = &request->text;
	bool good;

	good = expand(&body, templates, everyone ? templates->body_all : templates->body, 0);
	buffer_add_text(out, "POST ");
	good = good && expand(request, templates, everyone ? templates->publish_all : templates->publish, 0) &&
	       !request->mark_at;
	buffer_add_text(out, " HTTP/1.1\r\nHost: bench\r\n");
	if (templates->key)
		buffer_printf(out, "Authorization: Bearer %s\r\n", templates->key);
	buffer_printf(out, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n",
	              body.text.len);
	for (size_t i = 0; i < body.numbers && good; i++) {
		good = request->numbers < REQUEST_NUMBERS;
		if (good)
			request->number_at[request->numbers++] = out->len + body.number_at[i];
	}
	if (body.mark_at)
		request->mark_at = out->len + body.mark_at;
	if (good)
		buffer_add(out, body.text.at, body.text.len);
	buffer_free(&body.text);
	return good && !out->failed && request->mark_at;
}

void request_stamp(struct request *request, unsigned number, struct mark mark)
{
	for (size_t i = 0; i < request->numbers; i++)
		write_digits(request->text.at + request->number_at[i], number);
	mark_write(request->text.at + request->mark_at, mark);
}
