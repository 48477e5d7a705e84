if(description)
{
  script_oid("1.3.6.1.4.1.25623.1.0.99900002");
  script_version("2026-11-22T00:00:00+0000");
  script_tag(name:"creation_date", value:"2026-11-22 00:00:00 +0000 (Sun, 22 Nov 2026)");
  script_tag(name:"last_modification", value:"2026-11-22 00:00:00 +0000 (Sun, 22 Nov 2026)");
  script_tag(name:"cvss_base", value:"0.0");
  script_tag(name:"cvss_base_vector", value:"AV:N/AC:L/Au:N/C:N/I:N/A:N");
  script_name("Sallyport lab: service detection");
  script_category(ACT_GATHER_INFO);
  script_family("Service detection");
  script_copyright("test data");
  script_dependencies("sallyport/sallyport_tcp_scanner.nasl");
  script_tag(name:"summary", value:"Runs the scanner's built-in find_service.");
  script_tag(name:"qod_type", value:"remote_banner");
  script_timeout(120);
  exit(0);
}
plugin_run_find_service();
