from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as BaseAdminConfig


class AionConfig(AppConfig):
    name = "aion"
    verbose_name = "AION"


class AdminConfig(BaseAdminConfig):
    default_site = "aion.admin_site.AionAdminSite"
