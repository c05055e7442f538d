<?php

namespace app\controller;

use Pushsse;
use think\facade\Session;
use think\Request;

class Push
{
    /* GET /push/token, for the page. Who the user is comes from the session, never from the request. */
    public function token(Pushsse $pushsse)
    {
        $uid = Session::get('uid');
        if ($uid === null) {
            return response('', 403);
        }
        $headers = ['Content-Type' => 'text/plain', 'Cache-Control' => 'no-store'];
        return response($pushsse->token((string) $uid, 600), 200, $headers);
    }

    /* POST /order/:order/ship: an action of the site that tells a user. */
    public function ship(Request $request, Pushsse $pushsse, int $order)
    {
        // ... what the action does, and the check that this user may do it ...
        return json($pushsse->publish([
            'to' => (string) $request->post('customer'),
            'event' => 'order',
            'content' => json_encode(['id' => $order, 'state' => 'shipped']),
            'key' => "order-$order-shipped", // the same action twice tells once
        ]));
    }
}
