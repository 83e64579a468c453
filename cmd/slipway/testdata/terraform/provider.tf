# Capacity providers of a cluster, and the settings of an account.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "weight" {
  default = 1
}

variable "team" {
  default = "red"
}

variable "target" {
  default = 100
}

data "aws_caller_identity" "me" {}

resource "aws_ecs_capacity_provider" "rack" {
  for_each = toset(["north", "south"])
  name     = each.key
  auto_scaling_group_provider {
    auto_scaling_group_arn = "arn:aws:autoscaling:us-east-1:${data.aws_caller_identity.me.account_id}:autoScalingGroup:8a1b:autoScalingGroupName/${each.key}"
    managed_scaling {
      status          = "DISABLED"
      target_capacity = var.target
    }
  }
  tags = { team = var.team }
}

resource "aws_ecs_cluster" "web" {
  name = "web"
}

resource "aws_ecs_cluster_capacity_providers" "web" {
  cluster_name       = aws_ecs_cluster.web.name
  capacity_providers = [for p in aws_ecs_capacity_provider.rack : p.name]
  default_capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.rack["north"].name
    base              = 1
    weight            = var.weight
  }
  default_capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.rack["south"].name
    weight            = 1
  }
}

resource "aws_ecs_task_definition" "web" {
  family = "web"
  container_definitions = jsonencode([{
    name = "main", image = "busybox", memory = 64, essential = true, cpu = 0, environment = [], mountPoints = [], portMappings = [], systemControls = [], volumesFrom = []
  }])
  placement_constraints {
    type       = "memberOf"
    expression = "attribute:zone in [north, south]"
  }
}

resource "aws_ecs_account_setting_default" "trunks" {
  name  = "awsvpcTrunking"
  value = "enabled"
}

output "seen" {
  value = [aws_ecs_capacity_provider.rack["north"].auto_scaling_group_provider[0].managed_termination_protection, aws_ecs_account_setting_default.trunks.value]
}
