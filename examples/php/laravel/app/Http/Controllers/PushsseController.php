<?php

namespace App\Http\Controllers;

use Illuminate\Http\Request;
use Pushsse;

class PushsseController
{
    /* GET /pushsse/token, for the page. The route's `auth` has made sure that there is a user. */
    public function token(Request $request, Pushsse $pushsse)
    {
        $token = $pushsse->token((string) $request->user()->getAuthIdentifier(), 600);
        return response($token)->header('Content-Type', 'text/plain')->header('Cache-Control', 'no-store');
    }

    /* POST /orders/{order}/ship: an action of the site that tells a user. */
    public function ship(Request $request, Pushsse $pushsse, int $order)
    {
        // ... what the action does, and the check that this user may do it ...
        return response()->json($pushsse->publish([
            'to' => (string) $request->input('customer'),
            'event' => 'order',
            'content' => json_encode(['id' => $order, 'state' => 'shipped']),
            'key' => "order-$order-shipped", // the same action twice tells once
        ]));
    }
}
