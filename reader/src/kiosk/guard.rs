//! Who may ask: pages of this program in a browser of this machine, and nobody else.
//!
//! A web page of another origin can make a browser send requests to loopback. So every request
//! must name this server as its host, every POST must come from this origin, and everything but
//! the pages themselves needs the cookie of this start, which `SameSite=Strict` keeps away from
//! other sites.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use super::http::Shared;

/// Name of the cookie.
const COOKIE: &str = "shikaku-reader";
/// Nothing from elsewhere, nothing inline, in no frame but the test cards' page.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self'; object-src 'none'";

/// What pages may ask the browser for: the camera, and that only of this origin.
const PERMISSIONS: &str = "camera=(self), microphone=(), geolocation=(), usb=(), serial=()";

/// The cookie that pages are given.
pub(super) fn cookie(token: &str) -> Cookie<'static> {
    Cookie::build(COOKIE, token.to_owned())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish()
}

/// Lets a request through, or answers 403.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_allowed =
        request.app_data::<web::Data<Shared>>().is_some_and(|shared| is_allowed(&request, shared));
    let mut response = if is_allowed {
        next.call(request).await?.map_into_boxed_body()
    } else {
        request.into_response(HttpResponse::Forbidden().finish())
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::PERMISSIONS_POLICY, PERMISSIONS),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    Ok(response)
}

fn is_allowed(request: &ServiceRequest, shared: &Shared) -> bool {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_host = text(header::HOST).is_some_and(|host| shared.hosts.iter().any(|h| h == host));
    let is_page = !shared.needs_cookie(request.path());
    let has_cookie = request.cookie(COOKIE).is_some_and(|cookie| {
        // Compared in constant time: a page elsewhere must not learn it byte by byte.
        let (given, token) = (cookie.value().as_bytes(), shared.token.as_bytes());
        let differences = given.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
        given.len() == token.len() && differences == 0
    });
    let is_origin = text(header::ORIGIN)
        .and_then(|origin| origin.strip_prefix("http://"))
        .is_some_and(|origin| shared.hosts.iter().any(|host| host == origin));
    match *request.method() {
        Method::GET | Method::HEAD => is_host && (is_page || has_cookie),
        Method::POST => is_host && is_origin && has_cookie,
        _ => false,
    }
}
