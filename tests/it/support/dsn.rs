//! Delivery status notifications, as the mail servers that are out there write them.

use super::smtp::ReceivedMail;

/// The mail as it was sent.
pub fn text(mail: &ReceivedMail) -> String {
    String::from_utf8(mail.data.clone()).unwrap()
}

/// Its headers alone.
pub fn head(mail: &ReceivedMail) -> String {
    text(mail).split("\r\n\r\n").next().unwrap().to_owned()
}

/// What is said of one recipient.
pub struct Fate<'a> {
    pub recipient: &'a str,
    pub action: &'a str,
    pub status: &'a str,
    pub diagnostic: &'a str,
}

/// An address that does not exist, behind the server's own relay.
pub fn unknown(recipient: &str) -> Fate<'_> {
    Fate {
        recipient,
        action: "failed",
        status: "5.1.1",
        diagnostic: "550 5.1.1 <x>: Recipient address\r\n    rejected: User unknown",
    }
}

/// As Postfix 3 writes it, and as its `local` pipes it: with the line of a mailbox before it, and
/// lines that end in LF alone.
pub fn postfix(fate: &Fate<'_>, returned: &str) -> String {
    let Fate {
        recipient,
        action,
        status,
        diagnostic,
    } = fate;
    format!(
        "From MAILER-DAEMON  Tue Nov 24 03:41:00 2026\r\n\
         Return-Path: <>\r\n\
         X-Original-To: alarm@haven.example\r\n\
         Delivered-To: alarm@haven.example\r\n\
         Received: by mail.haven.example (Postfix)\r\n\
         \tid 4dFq2w0Zz1z9rwS; Tue, 24 Nov 2026 03:41:00 +0000 (UTC)\r\n\
         Date: Tue, 24 Nov 2026 03:41:00 +0000 (UTC)\r\n\
         From: MAILER-DAEMON@mail.haven.example (Mail Delivery System)\r\n\
         Subject: Undelivered Mail Returned to Sender\r\n\
         To: alarm@haven.example\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\
         \tboundary=\"4dFq2v6tRz1z9rwQ.1795491660/mail.haven.example\"\r\n\
         Content-Transfer-Encoding: 8bit\r\n\
         Message-Id: <20261124034100.4dFq2w0Zz1z9rwS@mail.haven.example>\r\n\
         \r\n\
         This is a MIME-encapsulated message.\r\n\
         \r\n\
         --4dFq2v6tRz1z9rwQ.1795491660/mail.haven.example\r\n\
         Content-Description: Notification\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\
         \r\n\
         This is the mail system at host mail.haven.example.\r\n\
         \r\n\
         I'm sorry to have to inform you that your message could not\r\n\
         be delivered to one or more recipients. It's attached below.\r\n\
         \r\n\
         --4dFq2v6tRz1z9rwQ.1795491660/mail.haven.example\r\n\
         Content-Description: Delivery report\r\n\
         Content-Type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns; mail.haven.example\r\n\
         X-Postfix-Queue-ID: 4dFq2v6tRz1z9rwQ\r\n\
         X-Postfix-Sender: rfc822; alarm@haven.example\r\n\
         Arrival-Date: Tue, 24 Nov 2026 03:40:59 +0000 (UTC)\r\n\
         \r\n\
         Final-Recipient: rfc822; {recipient}\r\n\
         Original-Recipient: rfc822;{recipient}\r\n\
         Action: {action}\r\n\
         Status: {status}\r\n\
         Remote-MTA: dns; mx.example.com\r\n\
         Diagnostic-Code: smtp; {diagnostic}\r\n\
         \r\n\
         --4dFq2v6tRz1z9rwQ.1795491660/mail.haven.example\r\n\
         Content-Description: Undelivered Message\r\n\
         Content-Type: message/rfc822\r\n\
         Content-Transfer-Encoding: 8bit\r\n\
         \r\n\
         {returned}\r\n\
         --4dFq2v6tRz1z9rwQ.1795491660/mail.haven.example--\r\n"
    )
    .replace("\r\n", "\n")
}

/// As Exchange Online writes it: the words twice, and the address in another case.
pub fn exchange(mail: &ReceivedMail) -> String {
    let recipient = mail.to[0].to_uppercase();
    format!(
        "From: <postmaster@haven.example>\r\n\
         To: <alarm@haven.example>\r\n\
         Date: Tue, 24 Nov 2026 03:41:00 +0000\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n \
         boundary=\"1a2b3c4d-5e6f-7890-abcd-ef0123456789\"\r\n\
         X-MS-Exchange-Message-Is-Ndr:\r\n\
         Content-Language: en-GB\r\n\
         Message-ID: <ba7d1f2e-0000-4000-8000-1234567890ab@HAVEN.example>\r\n\
         In-Reply-To: {id}\r\n\
         References: {id}\r\n\
         Subject: Undeliverable\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         \r\n\
         --1a2b3c4d-5e6f-7890-abcd-ef0123456789\r\n\
         Content-Type: multipart/alternative; differences=Content-Type;\r\n \
         boundary=\"2a2b3c4d-5e6f-7890-abcd-ef0123456789\"\r\n\
         \r\n\
         --2a2b3c4d-5e6f-7890-abcd-ef0123456789\r\n\
         Content-Type: text/plain; charset=\"us-ascii\"\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\
         \r\n\
         Your message couldn't be delivered.=20\r\n\
         \r\n\
         --2a2b3c4d-5e6f-7890-abcd-ef0123456789\r\n\
         Content-Type: text/html; charset=\"us-ascii\"\r\n\
         \r\n\
         <html><body>Your message couldn't be delivered.</body></html>\r\n\
         \r\n\
         --2a2b3c4d-5e6f-7890-abcd-ef0123456789--\r\n\
         \r\n\
         --1a2b3c4d-5e6f-7890-abcd-ef0123456789\r\n\
         Content-Type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns;AM0PR01.prod.exchangelabs.com\r\n\
         Received-From-MTA: dns;mail.haven.example\r\n\
         Arrival-Date: Tue, 24 Nov 2026 03:40:59 +0000\r\n\
         \r\n\
         Final-Recipient: rfc822;{recipient}\r\n\
         Action: failed\r\n\
         Status: 5.1.10\r\n\
         Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found\r\n\
         \r\n\
         --1a2b3c4d-5e6f-7890-abcd-ef0123456789\r\n\
         Content-Type: message/rfc822\r\n\
         \r\n\
         {returned}\r\n\
         --1a2b3c4d-5e6f-7890-abcd-ef0123456789--\r\n",
        id = mail.message_id(),
        returned = text(mail),
    )
}

/// As Exim writes it: no code of its own, and the headers alone.
pub fn exim(mail: &ReceivedMail, diagnostic: &str) -> String {
    format!(
        "Return-path: <>\r\n\
         From: Mail Delivery System <Mailer-Daemon@mail.haven.example>\r\n\
         To: alarm@haven.example\r\n\
         References: {id}\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=1795491660-eximdsn-1\r\n\
         MIME-Version: 1.0\r\n\
         Subject: Mail delivery failed: returning message to sender\r\n\
         \r\n\
         --1795491660-eximdsn-1\r\n\
         Content-type: text/plain; charset=us-ascii\r\n\
         \r\n\
         This message was created automatically by mail delivery software.\r\n\
         \r\n\
         --1795491660-eximdsn-1\r\n\
         Content-type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns; mail.haven.example\r\n\
         \r\n\
         Action: failed\r\n\
         Final-Recipient: rfc822;{recipient}\r\n\
         Status: 5.0.0\r\n\
         Remote-MTA: dns; mx.example.com\r\n\
         Diagnostic-Code: smtp; {diagnostic}\r\n\
         \r\n\
         --1795491660-eximdsn-1\r\n\
         Content-type: text/rfc822-headers\r\n\
         \r\n\
         {head}\r\n\
         \r\n\
         --1795491660-eximdsn-1--\r\n",
        id = mail.message_id(),
        recipient = mail.to[0],
        head = head(mail),
    )
}

/// A notification wrapped by a server that passes mails on, with its parts in base64.
pub fn wrapped(mail: &ReceivedMail) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let status = format!(
        "Reporting-MTA: dns; relay.example\r\n\r\n\
         Original-Recipient: rfc822; {}\r\nFinal-Recipient: rfc822; somebody@elsewhere.example\r\n\
         Action: FAILED\r\nStatus: 5.2.1 (disabled)\r\n",
        mail.to[0]
    );
    format!(
        "Content-Type: multipart/mixed; boundary=outer\r\n\r\n\
         --outer\r\nContent-Type: text/plain\r\n\r\nFW\r\n\
         --outer\r\nContent-Type: multipart/report; boundary=\"outer inner\"\r\n\r\n\
         --outer inner\r\nContent-Type: Message/Delivery-Status\r\nContent-Transfer-Encoding: BASE64\r\n\r\n\
         {}\r\n\
         --outer inner\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         {}\r\n\
         --outer inner--\r\n--outer--\r\n",
        encode(&status),
        encode(&text(mail)),
    )
}
