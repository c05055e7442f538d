<?php

use think\facade\Route;

Route::get('push/token', 'Push/token');
Route::post('order/:order/ship', 'Push/ship');
