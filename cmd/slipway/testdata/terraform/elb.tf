terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
  max_retries             = 1 # asked for the network interfaces of a load balancer, which are EC2's, Slipway has none
}

variable "port" { type = number }
variable "line" { type = number }
variable "idle" {
  type    = number
  default = 60
}
variable "path" { default = "/api/*" }
variable "team" { default = "red" }
variable "delay" {
  type    = number
  default = 300
}

resource "aws_lb" "web" {
  name               = "web"
  load_balancer_type = "application"
  subnets            = ["subnet-1", "subnet-2"]
  security_groups    = ["sg-1"]
  idle_timeout       = var.idle
  tags               = { team = var.team }
}

resource "aws_lb" "lines" {
  name               = "lines"
  load_balancer_type = "network"
  internal           = true
  subnets            = ["subnet-1"]
}

resource "aws_lb_target_group" "web" {
  name                 = "web"
  port                 = 80
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = "vpc-1"
  deregistration_delay = var.delay

  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path     = "/healthz"
    matcher  = "200-299"
    interval = 10
  }

  stickiness {
    type            = "lb_cookie"
    cookie_duration = 600
  }
}

resource "aws_lb_target_group" "grpc" {
  name             = "grpc"
  port             = 50051
  protocol         = "HTTP"
  protocol_version = "GRPC"
  target_type      = "ip"
  vpc_id           = "vpc-1"
}

resource "aws_lb_target_group" "lines" {
  name        = "lines"
  port        = 5432
  protocol    = "TCP"
  target_type = "ip"
  vpc_id      = "vpc-1"
}

resource "aws_lb_target_group_attachment" "web" {
  target_group_arn = aws_lb_target_group.web.arn
  target_id        = "127.0.0.1"
  port             = 8080
}

resource "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = var.port
  protocol          = "HTTP"

  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "nothing here"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener" "lines" {
  load_balancer_arn = aws_lb.lines.arn
  port              = var.line
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.lines.arn
  }
}

resource "aws_lb_listener_rule" "api" {
  listener_arn = aws_lb_listener.web.arn
  priority     = 10

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }

  condition {
    path_pattern { values = [var.path] }
  }
  condition {
    host_header { values = ["*.example.com"] }
  }
}

resource "aws_lb_listener_rule" "shares" {
  listener_arn = aws_lb_listener.web.arn
  priority     = 20

  action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.web.arn
        weight = 9
      }
      target_group {
        arn    = aws_lb_target_group.grpc.arn
        weight = 1
      }
    }
  }

  condition {
    query_string {
      key   = "new"
      value = "yes"
    }
  }
  condition {
    http_request_method { values = ["GET", "POST"] }
  }
}

resource "aws_lb_listener_rule" "old" {
  listener_arn = aws_lb_listener.web.arn
  priority     = 30

  action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }

  condition {
    http_header {
      http_header_name = "X-Old"
      values           = ["yes", "true"]
    }
  }
  condition {
    source_ip { values = ["127.0.0.0/8"] }
  }
}

data "aws_lb" "web" { arn = aws_lb.web.arn }

output "seen" {
  value = [data.aws_lb.web.name, data.aws_lb.web.internal, aws_lb.web.vpc_id, length(aws_lb.web.subnets)]
}
