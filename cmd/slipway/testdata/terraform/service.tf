# A service with all that Slipway honours of rolling deployments and placement, and one on every machine.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "image" {}

variable "count_wanted" {
  default = 2
}

variable "command" {
  type    = list(string)
  default = ["wait"]
}

variable "team" {
  default = "red"
}

resource "aws_ecs_cluster" "blue" {
  name = "blue"
  tags = { team = var.team }
}

resource "aws_ecs_task_definition" "web" {
  family = "web"
  container_definitions = jsonencode([{
    name         = "main"
    image        = var.image
    memory       = 32
    essential    = true
    command      = var.command
    portMappings = [{ containerPort = 8080, hostPort = 0, protocol = "tcp" }]
  }])
}

resource "aws_ecs_service" "web" {
  name                               = "web"
  cluster                            = aws_ecs_cluster.blue.id
  task_definition                    = aws_ecs_task_definition.web.arn
  desired_count                      = var.count_wanted
  launch_type                        = "EC2"
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 150
  enable_ecs_managed_tags            = true
  enable_execute_command             = true
  propagate_tags                     = "SERVICE"
  wait_for_steady_state              = true
  force_delete                       = true
  tags                               = { team = var.team }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  deployment_controller {
    type = "ECS"
  }

  ordered_placement_strategy {
    type  = "spread"
    field = "instanceId"
  }

  ordered_placement_strategy {
    type  = "binpack"
    field = "memory"
  }

  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.os-type == linux"
  }

  timeouts {
    create = "2m"
    update = "2m"
    delete = "2m"
  }
}

resource "aws_ecs_service" "everywhere" {
  name                = "everywhere"
  cluster             = aws_ecs_cluster.blue.arn
  task_definition     = "${aws_ecs_task_definition.web.family}:${aws_ecs_task_definition.web.revision}"
  scheduling_strategy = "DAEMON"
}

data "aws_ecs_service" "web" {
  service_name = aws_ecs_service.web.name
  cluster_arn  = aws_ecs_cluster.blue.arn
}

output "seen" {
  value = [data.aws_ecs_service.web.desired_count, data.aws_ecs_service.web.launch_type, data.aws_ecs_service.web.scheduling_strategy]
}
