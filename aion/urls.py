"""Every address of AION on its one port."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("aion.health_urls")),
    path("", include("inference.urls")),
    path("", include("chat.urls")),
]
