<?php
/*
 * Pushsse: tokens for browsers, and messages to them. One file, for PHP 7.4 or later with ext-curl.
 *
 *     $pushsse = new Pushsse(['secret_file' => '/etc/pushsse/secret', 'key_file' => '/etc/pushsse/api-key']);
 *     echo $pushsse->token('42');
 *     $pushsse->publish(['to' => '42', 'content' => 'Your order has been shipped.']);
 *
 * MIT licence, like pushsse.
 */

/* getCode() is the HTTP status, or 0 when there was no answer. The message never holds a key or a secret. */
class PushsseException extends RuntimeException
{
}

class Pushsse
{
    /* Bytes of a query that lists uids; pushsse takes 8.5 KiB of request target. */
    private const QUERY_MAX = 8000;
    private const UIDS_MAX = 1000;

    private array $config;

    /** @var resource|CurlHandle|null kept, and with it the connection */
    private $curl = null;

    /**
     * secret or secret_file    signs tokens. Of a file, the first line is taken.
     * key or key_file          the API key
     * api                      http://127.0.0.1:2121, or unix:/path, or https://... of a proxy
     * connect_timeout, timeout seconds: for one connection; for a call with all its attempts
     * attempts                 how often a call is tried, when nobody answers or the answer is 5xx
     */
    public function __construct(
        #[\SensitiveParameter]
        array $config = []
    ) {
        $this->config = $config + [
            'api' => 'http://127.0.0.1:2121',
            'connect_timeout' => 1.0,
            'timeout' => 5.0,
            'attempts' => 4,
        ];
    }

    /* What a browser opens its stream with. `uid` has to come from the session, never from the request. */
    public function token(string $uid, int $seconds = 3600, array $channels = []): string
    {
        if ($uid === '') {
            throw new InvalidArgumentException('pushsse: a token needs a uid');
        }
        /* /disconnect refuses tokens by iat, which has milliseconds: a token made in the same second afterwards is
           good. Rounded down, so that none made before can seem to be newer. */
        $claims = ['sub' => $uid, 'iat' => floor(microtime(true) * 1000) / 1000, 'exp' => time() + $seconds];
        if ($channels) {
            $claims['channels'] = array_map('strval', array_values($channels));
        }
        $signed = self::base64url('{"alg":"HS256","typ":"JWT"}') . '.' . self::base64url(self::json($claims));
        return $signed . '.' . self::base64url(hash_hmac('sha256', $signed, $this->credential('secret'), true));
    }

    /*
     * Fields: content; to and channel, each one or a list; event, ttl, key. Without to and channel it is for everyone.
     * Answers ['status' => 'ok' or 'offline', 'id' => ..., 'streams' => ...].
     * However often it has to be tried, it arrives once: each try has the same key.
     */
    public function publish(array $fields): array
    {
        foreach (['to', 'channel'] as $audience) {
            if (!array_key_exists($audience, $fields)) {
                continue;
            }
            $names = $fields[$audience];
            if ($names === null || $names === '' || $names === []) {
                /* A variable that happens to be empty must not send to everyone. */
                throw new InvalidArgumentException("pushsse: `$audience` is empty; leave it out to send to everyone");
            }
            $fields[$audience] = is_array($names) ? array_map('strval', array_values($names)) : (string) $names;
        }
        $fields += ['key' => bin2hex(random_bytes(16))];
        return $this->call('POST', '/publish', $fields);
    }

    /* How many streams each of these users has: [uid => number]. */
    public function online(array $uids): array
    {
        $online = [];
        $query = '';
        $count = 0;
        foreach ($uids as $uid) {
            $one = '&uid=' . rawurlencode((string) $uid);
            if ($count === self::UIDS_MAX || strlen($query . $one) > self::QUERY_MAX) {
                $online += $this->call('GET', '/online?' . substr($query, 1))['online'];
                $query = '';
                $count = 0;
            }
            $query .= $one;
            $count++;
        }
        return $query === '' ? $online : $online + $this->call('GET', '/online?' . substr($query, 1))['online'];
    }

    /* The current position, for a page's `lastEventId`. Take it before the page's data is read: nothing is missed. */
    public function position(): string
    {
        return $this->call('GET', '/online?limit=1')['lastEventId'];
    }

    /* Ends a user's streams and refuses the tokens that he has. Answers how many streams there were. */
    public function disconnect(string $uid, string $reason = ''): int
    {
        return $this->call('POST', '/disconnect', ['uid' => $uid, 'reason' => $reason])['streams'];
    }

    /* Any call of the API: $pushsse->call('GET', '/stats'). Fields go as JSON. */
    public function call(string $method, string $path, ?array $fields = null): array
    {
        $body = $fields === null ? null : self::json($fields);
        $deadline = microtime(true) + $this->config['timeout'];
        for ($attempt = 1; ; $attempt++) {
            [$status, $text] = $this->exchange($method, $path, $body, $deadline - microtime(true));
            $pause = 0.1 * 2 ** ($attempt - 1) * (1 + lcg_value()) / 2; // 50..100 ms, then twice that, and so on
            $isTemporary = $status === 0 || $status >= 500;
            if (!$isTemporary || $attempt >= $this->config['attempts'] || microtime(true) + $pause >= $deadline) {
                break;
            }
            usleep((int) ($pause * 1e6));
        }
        $where = "pushsse: $method " . strtok($path, '?');
        if ($status === 0) {
            throw new PushsseException("$where: no answer from {$this->config['api']}: $text (tried $attempt times)");
        }
        $answer = json_decode($text, true);
        if ($status === 200 && is_array($answer)) {
            return $answer;
        }
        $why = is_array($answer) ? [] : ['not an answer of pushsse'];
        foreach (['error', 'field', 'reason'] as $name) {
            if (is_string($answer[$name] ?? null)) {
                $why[] = $answer[$name];
            }
        }
        throw new PushsseException("$where: $status " . implode(', ', $why), $status);
    }

    /* What var_dump() and error pages may show. */
    public function __debugInfo(): array
    {
        return ['api' => $this->config['api']];
    }

    /* One attempt: [status, body], or [0, what went wrong]. */
    private function exchange(string $method, string $path, ?string $body, float $seconds): array
    {
        $isUnix = strncmp($this->config['api'], 'unix:', 5) === 0;
        $this->curl = $this->curl ?: curl_init();
        curl_reset($this->curl); // leaves the connection open
        curl_setopt_array($this->curl, [
            CURLOPT_URL => ($isUnix ? 'http://localhost' : rtrim($this->config['api'], '/')) . $path,
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => [
                'Authorization: Bearer ' . $this->credential('key'),
                'Content-Type: application/json',
                'Expect:', // or curl asks first when a body is large
            ],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CONNECTTIMEOUT_MS => (int) ($this->config['connect_timeout'] * 1000),
            CURLOPT_TIMEOUT_MS => max(1, (int) ($seconds * 1000)),
            CURLOPT_NOSIGNAL => true, // or timeouts below a second fail
            CURLOPT_PROXY => '', // the key is not for http_proxy of the environment
        ]);
        if ($isUnix) {
            curl_setopt($this->curl, CURLOPT_UNIX_SOCKET_PATH, substr($this->config['api'], 5));
        }
        if ($body !== null) {
            curl_setopt($this->curl, CURLOPT_POSTFIELDS, $body);
        }
        $text = curl_exec($this->curl);
        if (!is_string($text)) {
            return [0, curl_error($this->curl)];
        }
        return [curl_getinfo($this->curl, CURLINFO_RESPONSE_CODE), $text];
    }

    /* The secret or the key, read when it is first needed: who only makes tokens needs no key. */
    private function credential(string $name): string
    {
        if (!isset($this->config[$name])) {
            $file = $this->config["{$name}_file"] ?? null;
            if ($file === null) {
                throw new InvalidArgumentException("pushsse: neither `$name` nor `{$name}_file` is configured");
            }
            $lines = @file($file);
            if (!$lines) {
                throw new PushsseException("pushsse: cannot read $file, or it is empty");
            }
            $this->config[$name] = $lines[0];
        }
        /* The key is the line as it stands there: nothing is decoded. */
        $value = trim($this->config[$name]);
        if ($value === '') {
            throw new InvalidArgumentException("pushsse: `$name` is empty");
        }
        return $value;
    }

    private static function json(array $value): string
    {
        return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
