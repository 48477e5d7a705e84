if(description)
{
  script_oid("1.3.6.1.4.1.25623.1.0.99900013");
  script_version("2026-11-22T00:00:00+0000");
  script_cve_id("CVE-2023-48795");
  script_tag(name:"creation_date", value:"2026-11-22 00:00:00 +0000 (Sun, 22 Nov 2026)");
  script_tag(name:"last_modification", value:"2026-11-22 00:00:00 +0000 (Sun, 22 Nov 2026)");
  script_tag(name:"cvss_base", value:"5.9");
  script_tag(name:"cvss_base_vector", value:"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:H/A:N");
  script_tag(name:"severity_vector", value:"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:H/A:N");
  script_tag(name:"severity_origin", value:"NVD");
  script_tag(name:"severity_date", value:"2026-11-22 00:00:00 +0000 (Sun, 22 Nov 2026)");
  script_name("Sallyport lab: SSH server prefix truncation");
  script_category(ACT_GATHER_INFO);
  script_family("General");
  script_copyright("test data");
  script_dependencies("sallyport/sallyport_tcp_scanner.nasl");
  script_xref(name:"URL", value:"https://example.test/advisory/99900013");
  script_tag(name:"summary", value:"Sallyport lab: SSH server prefix truncation.");
  script_tag(name:"insight", value:"The service banner shows a version known to be affected.");
  script_tag(name:"impact", value:"Test data.");
  script_tag(name:"affected", value:"The test service of this repository.");
  script_tag(name:"solution", value:"Update the SSH server.");
  script_tag(name:"solution_type", value:"VendorFix");
  script_tag(name:"vuldetect", value:"Reads the banner.");
  script_tag(name:"qod_type", value:"remote_banner");
  exit(0);
}
ports = get_kb_list("Ports/tcp/*");
if(!ports) exit(0);
foreach k (keys(ports))
{
  port = int(substr(k, 10));
  if(!get_port_state(port)) continue;
  soc = open_sock_tcp(port, transport:ENCAPS_IP, timeout:3);
  if(!soc) continue;
  b = recv_line(socket:soc, length:512, timeout:2);
  if(!b) { send(socket:soc, data:'HEAD / HTTP/1.0\r\n\r\n'); b = recv(socket:soc, length:2048, timeout:2); }
  close(soc);
  if(b && ereg(pattern:"^SSH-2\.0-OpenSSH_9\.5", string:b, multiline:TRUE))
    security_message(port:port, data:"Banner: " + chomp(b));
}
