"""Every address of AION on its one port."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("aion.health_urls")),
    path("", include("inference.urls")),
    path("", include("chat.urls")),
]

handler400 = "chat.errors.bad_request"
handler403 = "chat.errors.permission_denied"
handler404 = "chat.errors.not_found"
handler500 = "chat.errors.server_error"
