//! A page with live graphs for an operator without Grafana, made of `/metrics` in the browser.
//! Nothing is loaded from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};

/// Own files only, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'";

const FILES: [(&str, &str, &str); 3] = [
    ("/status/", "text/html; charset=utf-8", include_str!("status/index.html")),
    ("/status/status.css", "text/css; charset=utf-8", include_str!("status/status.css")),
    ("/status/status.js", "text/javascript; charset=utf-8", include_str!("status/status.js")),
];

pub(super) fn routes(config: &mut ServiceConfig) {
    for (path, content_type, text) in FILES {
        let serve = move || async move {
            HttpResponse::Ok()
                .content_type(content_type)
                .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
                .body(text)
        };
        config.route(path, web::get().to(serve));
    }
    config.service(web::redirect("/status", "/status/"));
    config.service(web::redirect("/", "/status/"));
}
